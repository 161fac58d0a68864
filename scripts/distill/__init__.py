"""The compact encoders are trained from openly licensed text and a teacher."""
