-- Title:   How far the stages of an episode depart from an order
-- Meaning: Compares the stages of an episode's sessions with an order, whatever exits were met.
--          Two sessions are in inversion when the later one has the lower rank; pairs of equal
--          rank are no pairs. The longest ordered part is the largest number of sessions that
--          stand in the order once the others are left out (longest non-decreasing subsequence).
--          Such a part consists of sessions of rank 1 up to some moment, of rank 2 from there to
--          a second moment, and so on. With sessions_k the number of sessions of rank k so far,
--            up_to_2 is the best of ranks 1 and 2 so far: sessions_2 plus the largest
--            sessions_1 - sessions_2 at any moment so far;
--            up_to_3 adds rank 3 in the same way: sessions_3 plus the largest
--            up_to_2 - sessions_3 so far;
--            from_4 is the best of ranks 4 and 5 from here on: the largest sessions_4 - sessions_5
--            at any later moment, less sessions_4 now, plus all sessions of rank 5.
--          The longest ordered part is the largest up_to_3 + from_4 at any moment.
--          The five counts of a run are carried along in one number, by powers of 4096 (see
--          concepts.session_progress), here by rank instead of by stage.
-- Grain:   one row for each order and episode whose sessions ever fall back in rank; where they
--          never do, no pair is in inversion and the longest ordered part is the whole episode
-- Reads:   concepts.stage_runs, concepts.episode_progress, protocol.stage_order
-- Source:  Schensted C. Longest increasing and decreasing subsequences. Can J Math 1961;13:179
WITH places AS (
    SELECT
        order_number,
        stage,
        stage_rank,
        CASE stage_rank
            WHEN 1 THEN 1
            WHEN 2 THEN 4096
            WHEN 3 THEN 16777216
            WHEN 4 THEN 68719476736
            ELSE 281474976710656
        END AS place
    FROM protocol.stage_order
),

order_places AS (
    SELECT
        order_number,
        max(CASE stage WHEN 1 THEN place END) AS place_1,
        max(CASE stage WHEN 2 THEN place END) AS place_2,
        max(CASE stage WHEN 3 THEN place END) AS place_3,
        max(CASE stage WHEN 4 THEN place END) AS place_4,
        max(CASE stage WHEN 5 THEN place END) AS place_5
    FROM places
    GROUP BY order_number
),

-- The steps from a stage to one of lower rank, as a set of moves.
falls AS (
    SELECT
        later.order_number,
        bit_or(1 << (5 * earlier.stage + later.stage - 6)) AS falling_moves
    FROM protocol.stage_order AS later
    INNER JOIN protocol.stage_order AS earlier
        ON later.order_number = earlier.order_number
    WHERE earlier.stage_rank > later.stage_rank
    GROUP BY later.order_number
),

fallen AS (
    SELECT
        falls.order_number,
        episodes.episode_key
    FROM concepts.episode_progress AS episodes
    INNER JOIN falls
        ON (episodes.moves & falls.falling_moves) <> 0
),

ranked AS (
    SELECT
        fallen.order_number,
        fallen.episode_key,
        runs.run_start,
        runs.sessions_count,
        places.stage_rank,
        runs.sessions_stage_1 * order_places.place_1
        + runs.sessions_stage_2 * order_places.place_2
        + runs.sessions_stage_3 * order_places.place_3
        + runs.sessions_stage_4 * order_places.place_4
        + runs.sessions_stage_5 * order_places.place_5 AS sessions_by_rank
    FROM concepts.stage_runs AS runs
    INNER JOIN fallen
        ON runs.episode_key = fallen.episode_key
    INNER JOIN order_places
        ON fallen.order_number = order_places.order_number
    INNER JOIN places
        ON fallen.order_number = places.order_number AND runs.stage = places.stage
),

counted AS (
    SELECT
        order_number,
        episode_key,
        run_start,
        sessions_count,
        stage_rank,
        CAST(sessions_by_rank % 4096 AS INTEGER) AS sessions_1,
        CAST(sessions_by_rank // 4096 % 4096 AS INTEGER) AS sessions_2,
        CAST(sessions_by_rank // 16777216 % 4096 AS INTEGER) AS sessions_3,
        CAST(sessions_by_rank // 68719476736 % 4096 AS INTEGER) AS sessions_4,
        CAST(sessions_by_rank // 281474976710656 AS INTEGER) AS sessions_5
    FROM ranked
),

-- What is left of a run: pairs of its sessions with earlier ones, and the counts compared.
compared AS (
    SELECT
        order_number,
        episode_key,
        run_start,
        sessions_1 - sessions_2 AS sessions_1_less_2,
        sessions_2,
        sessions_3,
        sessions_4,
        sessions_4 - sessions_5 AS sessions_4_less_5,
        sessions_5,
        CAST(sessions_count AS BIGINT) * CASE stage_rank
            WHEN 1 THEN sessions_2 + sessions_3 + sessions_4 + sessions_5
            WHEN 2 THEN sessions_3 + sessions_4 + sessions_5
            WHEN 3 THEN sessions_4 + sessions_5
            WHEN 4 THEN sessions_5
            ELSE 0
        END AS inverted_pairs,
        CAST(sessions_count AS BIGINT) * (
            sessions_1 + sessions_2 + sessions_3 + sessions_4 + sessions_5 - CASE stage_rank
                WHEN 1 THEN sessions_1
                WHEN 2 THEN sessions_2
                WHEN 3 THEN sessions_3
                WHEN 4 THEN sessions_4
                ELSE sessions_5
            END
        ) AS unequal_pairs
    FROM counted
),

both_ends AS (
    SELECT
        order_number,
        episode_key,
        run_start,
        -- 0 is the difference before the first session.
        sessions_2 + greatest(0, max(sessions_1_less_2) OVER so_far) - sessions_3
            AS up_to_2_less_3,
        sessions_3,
        max(sessions_4_less_5) OVER from_here - sessions_4 AS from_4,
        sessions_4_less_5,
        sessions_5,
        inverted_pairs,
        unequal_pairs
    FROM compared
    WINDOW
        so_far AS (
            PARTITION BY episode_key, order_number
            ORDER BY run_start
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ),
        from_here AS (
            PARTITION BY episode_key, order_number
            ORDER BY run_start
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        )
),

met AS (
    SELECT
        order_number,
        episode_key,
        sessions_3 + greatest(0, max(up_to_2_less_3) OVER so_far) + from_4 AS met_here,
        sessions_4_less_5,
        sessions_5,
        inverted_pairs,
        unequal_pairs
    FROM both_ends
    WINDOW so_far AS (
        PARTITION BY episode_key, order_number
        ORDER BY run_start
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)

SELECT
    order_number,
    episode_key,
    CAST(sum(inverted_pairs) AS DOUBLE) / CAST(sum(unequal_pairs) AS DOUBLE) AS inversion_share,
    -- The three: met at some run, met before the first session, all of rank 5 and nothing else.
    greatest(max(met_here), max(sessions_4_less_5), 0) + max(sessions_5)
        AS longest_ordered_sessions
FROM met
GROUP BY order_number, episode_key
