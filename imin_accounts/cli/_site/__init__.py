"""A broker's site in little: a worked example of ``AccountsSession`` behind a web server.

``app`` is the server and the place to start reading; ``tokens`` ties links and forms to one browser;
``words`` says to a customer what an error means for them; ``pages`` fills in the templates; ``demo``
puts an emulated imin behind it all.
"""
