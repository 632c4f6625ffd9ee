-- Title:   Attended sessions
-- Meaning: What was worked, and which exits were met, in each session that took place.
--          A set of stages is written as one number, the sum of 1 for stage 1, 2 for stage 2,
--          4 for stage 3, 8 for stage 4 and 16 for stage 5. worked_set holds the session's stage
--          and the further stages treated in it; met_set holds the session's stage when its exit
--          was met with evidence that the protocol counts; inferred evidence never counts.
--          visits is worked_set with room to count: the sum of 1, 4096, 4096 * 4096 and so on for
--          the stages worked, so that its sum over sessions holds the visits of every stage.
--          moment puts the sessions of an episode in order: by day, then by sequence (0 to 999), on
--          a day first those without one.
-- Grain:   one row for each attended session
-- Kind:    view
-- Reads:   core.sessions, protocol.counted_evidence
-- Source:  study definitions, "Adherence, session by session"
WITH attended AS (
    SELECT
        sessions.*,
        CAST(
            CASE sessions.stage WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 4 WHEN 4 THEN 8 ELSE 16 END
            AS TINYINT
        ) AS stage_bit,
        evidence.exit_evidence IS NOT NULL AND sessions.exit_met IS NOT NULL AS has_exit_evidence
    FROM core.sessions AS sessions
    LEFT JOIN protocol.counted_evidence AS evidence
        ON sessions.exit_evidence = evidence.exit_evidence
    WHERE sessions.status = 'attended' AND sessions.stage IS NOT NULL
),

with_sets AS (
    SELECT
        *,
        CASE
            WHEN also_stages IS NULL THEN stage_bit
            ELSE
                CAST(
                    stage_bit
                    | CASE WHEN list_contains(also_stages, 1) THEN 1 ELSE 0 END
                    | CASE WHEN list_contains(also_stages, 2) THEN 2 ELSE 0 END
                    | CASE WHEN list_contains(also_stages, 3) THEN 4 ELSE 0 END
                    | CASE WHEN list_contains(also_stages, 4) THEN 8 ELSE 0 END
                    | CASE WHEN list_contains(also_stages, 5) THEN 16 ELSE 0 END
                    AS TINYINT
                )
        END AS worked_set,
        CAST(CASE WHEN has_exit_evidence AND exit_met THEN stage_bit ELSE 0 END AS TINYINT)
            AS met_set
    FROM attended
)

SELECT
    episode_key,
    session_key,
    session_id,
    day,
    1001 * CAST(day AS INTEGER) + coalesce(sequence + 1, 0) AS moment,
    CAST(stage AS TINYINT) AS stage,
    worked_set,
    met_set,
    CAST(worked_set & 1 AS BIGINT)
    + CAST(worked_set & 2 AS BIGINT) * 2048
    + CAST(worked_set & 4 AS BIGINT) * 4194304
    + CAST(worked_set & 8 AS BIGINT) * 8589934592
    + CAST(worked_set & 16 AS BIGINT) * 17592186044416 AS visits,
    has_exit_evidence,
    pain_nrs,
    flexibility_pct,
    strength_pct,
    endurance_pct,
    alignment_deg
FROM with_sets
