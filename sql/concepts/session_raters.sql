-- Title:   Who read the values of a session
-- Meaning: The therapist of each session as a number: that of the first session of the episode
--          that the same therapist gave. Without rows unless the protocol lets another rater break
--          the line of a person's values.
-- Grain:   one row for each attended session, or none
-- Kind:    view
-- Reads:   concepts.session_progress, core.sessions, protocol.parameters
-- Source:  study protocol, section courses
SELECT
    progress.episode_key,
    progress.session_number,
    min(progress.session_number) OVER (
        PARTITION BY progress.episode_key, sessions.therapist_id
    ) AS rater_number
FROM concepts.session_progress AS progress
INNER JOIN core.sessions AS sessions
    ON progress.session_key = sessions.session_key
CROSS JOIN protocol.parameters AS parameters
WHERE parameters.rater_breaks_line
