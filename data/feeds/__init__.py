"""Public data sets laid out as the files a producer would have sent, in the order it would have sent them."""
