"""What HTTP asks of every route: requests that are safe to repeat, entity tags, streamed answers."""
