"""Graph algorithms of Graph Data Science, admitted by memory."""
