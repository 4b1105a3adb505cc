"""What must not leave, recognised in text: addresses, payload shapes, query text. Pure and linear in the text's length."""
