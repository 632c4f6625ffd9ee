-- Title:   Progress of an episode
-- Meaning: What an episode's attended sessions amount to under any order: how many they are, which
--          stages were worked and completed in the end, and whether stage 4 or 5 was ever worked
--          before the exit of stage 1 (pain) was met. first_loading_day is the first day on which a
--          stage of the protocol's early loading was worked, null if none was. session_stages is
--          the set of the sessions' own stages, worked_set also holds their further stages; sets
--          are sums of 1, 2, 4, 8, 16 for the stages 1 to 5. sessions_by_stage says how many
--          sessions had which stage, five counts in one number by powers of 4096 (see
--          concepts.session_progress).
-- Grain:   one row for each episode with an attended session
-- Reads:   concepts.session_progress, protocol.early_loading_stages
-- Source:  study definitions, "Adherence, session by session"
WITH loading AS (
    SELECT coalesce(bit_or(stage_bit), 0) AS stage_set FROM protocol.early_loading_stages
),

totals AS (
    SELECT
        episode_key,
        count(*) AS attended_sessions,
        min(day) AS first_session_day,
        max(day) AS last_session_day,
        bit_or(1 << (stage - 1)) AS session_stages,
        bit_or(worked_set) AS worked_set,
        bit_or(completed_set) AS completed_set,
        sum(
            CASE stage
                WHEN 1 THEN 1
                WHEN 2 THEN 4096
                WHEN 3 THEN 16777216
                WHEN 4 THEN 68719476736
                ELSE 281474976710656
            END
        ) AS sessions_by_stage,
        bool_or((worked_set & 24) <> 0 AND (completed_set & 1) = 0) AS load_before_pain_exit,
        min(CASE WHEN (worked_set & loading.stage_set) <> 0 THEN day END) AS first_loading_day
    FROM concepts.session_progress
    CROSS JOIN loading
    GROUP BY episode_key
)

SELECT
    episode_key,
    CAST(attended_sessions AS INTEGER) AS attended_sessions,
    first_session_day,
    last_session_day,
    session_stages,
    worked_set,
    completed_set,
    CAST(sessions_by_stage AS BIGINT) AS sessions_by_stage,
    load_before_pain_exit,
    first_loading_day,
    CASE WHEN (completed_set & 1) <> 0 THEN 1 ELSE 0 END
    + CASE WHEN (completed_set & 2) <> 0 THEN 1 ELSE 0 END
    + CASE WHEN (completed_set & 4) <> 0 THEN 1 ELSE 0 END
    + CASE WHEN (completed_set & 8) <> 0 THEN 1 ELSE 0 END
    + CASE WHEN (completed_set & 16) <> 0 THEN 1 ELSE 0 END AS completed_stages,
    CASE
        WHEN worked_set >= 16 THEN 5
        WHEN worked_set >= 8 THEN 4
        WHEN worked_set >= 4 THEN 3
        WHEN worked_set >= 2 THEN 2
        ELSE 1
    END AS highest_stage_worked
FROM totals
