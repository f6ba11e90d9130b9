"""The kind "light": English voices of the package ``hibari-tts``, whole phrases at a hundredth of real time."""
