"""What the doors can ask for, in the words of the office."""
