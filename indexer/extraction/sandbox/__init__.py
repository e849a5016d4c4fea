"""Untrusted files are parsed in bounded child processes: no network, bounded memory and time.

parser         gives files to the children, and checks what they answer
zygote, child  the two sides: the parent's, and the processes'
wire           what they say to each other
confinement    what a child may not do
"""
