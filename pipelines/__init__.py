"""Movement: from delivered files to a published release."""
