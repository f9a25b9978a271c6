"""The server around the pages: who comes, what they may ask for, and the routes that are not pages."""
