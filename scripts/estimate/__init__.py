"""How long a training is going to take on this machine."""
