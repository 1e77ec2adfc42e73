"""What the commands over many customers share: whose accounts, how fast, how far, and an orderly end."""
