"""The ground floor: files, processes, checks of arguments, statistics and the look of figures."""
