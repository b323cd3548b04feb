"""The pages of validations."""
