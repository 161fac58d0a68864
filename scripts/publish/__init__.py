"""A package goes to the Hugging Face hub: the wheel, the pipeline's files and a model card, in one commit."""
