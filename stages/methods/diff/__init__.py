"""Two versions of data and model: what differs, and what that did to the scores."""
