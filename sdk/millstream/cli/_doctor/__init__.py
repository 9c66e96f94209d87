"""What is wrong, and what to do: `facts` are read where they are, `checks` judge them."""
