-- How many did each channel reach, and how many were given up? A scan of settled_total, one row a channel.
SELECT channel, sent, given_up FROM settled_total ORDER BY channel
