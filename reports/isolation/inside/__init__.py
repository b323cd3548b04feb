"""What runs beside the model, in the isolated process. Imports nothing of Placet and only of itself, relatively."""
