-- Title:   How far the stages of an episode depart from an order
-- Meaning: Compares the stages of an episode's sessions with an order, whatever exits were met.
--          Two sessions are in inversion when the later one has the lower rank; pairs of equal
--          rank are no pairs. The longest ordered part is the largest number of sessions that
--          stand in the order once the others are left out (longest non-decreasing subsequence).
-- Grain:   one row for each order and episode whose sessions ever fall back in rank; where they
--          never do, no pair is in inversion and the longest ordered part is the whole episode
-- Reads:   concepts.single_falls, concepts.repeated_falls
-- Source:  study definitions, "Adherence, session by session"
WITH departures AS (
    SELECT
        order_number,
        episode_key,
        sessions_by_rank,
        inverted_pairs,
        longest_ordered_sessions
    FROM concepts.single_falls
    UNION ALL
    SELECT
        order_number,
        episode_key,
        sessions_by_rank,
        inverted_pairs,
        longest_ordered_sessions
    FROM concepts.repeated_falls
),

counted AS (
    SELECT
        order_number,
        episode_key,
        inverted_pairs,
        longest_ordered_sessions,
        sessions_by_rank & 4095 AS sessions_1,
        sessions_by_rank >> 12 & 4095 AS sessions_2,
        sessions_by_rank >> 24 & 4095 AS sessions_3,
        sessions_by_rank >> 36 & 4095 AS sessions_4,
        sessions_by_rank >> 48 AS sessions_5
    FROM departures
)

SELECT
    order_number,
    episode_key,
    CAST(inverted_pairs AS DOUBLE) / CAST(
        sessions_1 * (sessions_2 + sessions_3 + sessions_4 + sessions_5)
        + sessions_2 * (sessions_3 + sessions_4 + sessions_5)
        + sessions_3 * (sessions_4 + sessions_5)
        + sessions_4 * sessions_5
        AS DOUBLE
    ) AS inversion_share,
    CAST(longest_ordered_sessions AS INTEGER) AS longest_ordered_sessions
FROM counted
