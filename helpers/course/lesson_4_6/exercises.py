def quantile(buckets, q):
    rank, below, start = q * max(buckets.values()), 0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= rank:
            if bound == float("inf"):
                return start
            return start + (bound - start) * (rank - below) / (count - below)
        below, start = count, bound
