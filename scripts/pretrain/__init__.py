"""An encoder is adapted to unlabelled notes before it is fine-tuned."""
