"""What a decision is: records, comparison, policy. No framework, no input or output."""
