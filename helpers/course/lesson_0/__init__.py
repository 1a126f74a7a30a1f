"""The start page: its exercises, the map of an ML system and the check of the environment."""
