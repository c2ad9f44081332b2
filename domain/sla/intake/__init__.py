"""What alert managers and carriers send of their own accord: sources, episodes, maintenance windows."""
