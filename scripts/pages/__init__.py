"""What pages for people share: their templates' environment, their style, their colours, and passages of notes."""
