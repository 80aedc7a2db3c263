"""What StyleTTS2's public training scripts will do with a configuration, its data and its checkpoints.

The lengths come from the reports of the modules, the arithmetic from the scripts; nothing is executed.
"""
