"""The ground floor: files, processes, extras, checks of arguments, statistics, figure style."""
