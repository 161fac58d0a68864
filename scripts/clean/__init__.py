"""What the commands made is removed."""
