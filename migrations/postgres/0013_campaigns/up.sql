-- An employer's hiring push. Its status follows from its times, `ended_at` and the holds upon it.
CREATE TABLE campaigns (
    id UUID NOT NULL PRIMARY KEY,
    employer_id UUID NOT NULL REFERENCES employers (id) ON DELETE CASCADE,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description_html TEXT NOT NULL,
    goal INTEGER,
    starts_at TIMESTAMPTZ,
    ends_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    version INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT campaigns_employer_id_slug_key UNIQUE (employer_id, slug)
);
CREATE INDEX campaigns_employer_id_idx ON campaigns (employer_id, id);

-- campaign_id: the campaign it belongs to. verified_at: when a person last stood for it. reposted_from: the posting with the
-- same title that its employer had closed shortly before.
ALTER TABLE postings ADD COLUMN campaign_id UUID;
ALTER TABLE postings ADD COLUMN verified_at TIMESTAMPTZ;
ALTER TABLE postings ADD COLUMN reposted_from UUID;
CREATE INDEX postings_campaign_id_idx ON postings (campaign_id);
UPDATE postings SET verified_at = published_at;

-- Something that keeps postings out of search: a pause of one posting, a frozen campaign or employer, a moderator. Released
-- holds stay as memory. A posting is paused while any hold upon it is not released.
CREATE TABLE holds (
    id UUID NOT NULL PRIMARY KEY,
    employer_id UUID NOT NULL REFERENCES employers (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CONSTRAINT holds_kind_check CHECK (kind IN ('posting', 'campaign', 'employer', 'moderation')),
    campaign_id UUID REFERENCES campaigns (id) ON DELETE SET NULL,
    posting_id UUID REFERENCES postings (id) ON DELETE CASCADE,
    reason TEXT,
    held_by UUID REFERENCES users (id) ON DELETE SET NULL,
    held_at TIMESTAMPTZ NOT NULL,
    released_by UUID REFERENCES users (id) ON DELETE SET NULL,
    released_at TIMESTAMPTZ
);
CREATE INDEX holds_employer_id_idx ON holds (employer_id, id);
CREATE INDEX holds_campaign_id_idx ON holds (campaign_id);
CREATE INDEX holds_posting_id_idx ON holds (posting_id);

CREATE TABLE held_postings (
    hold_id UUID NOT NULL REFERENCES holds (id) ON DELETE CASCADE,
    posting_id UUID NOT NULL REFERENCES postings (id) ON DELETE CASCADE,
    held_at TIMESTAMPTZ NOT NULL,
    released_at TIMESTAMPTZ,
    CONSTRAINT held_postings_pkey PRIMARY KEY (hold_id, posting_id)
);
CREATE INDEX held_postings_posting_id_idx ON held_postings (posting_id, released_at);

-- What is paused already is held as well; a hold made here has the id of what it holds.
INSERT INTO holds (id, employer_id, kind, posting_id, held_at)
    SELECT id, employer_id, 'posting', id, updated_at FROM postings WHERE status = 'paused' AND deleted_at IS NULL;
INSERT INTO held_postings (hold_id, posting_id, held_at)
    SELECT id, id, updated_at FROM postings WHERE status = 'paused' AND deleted_at IS NULL;
INSERT INTO holds (id, employer_id, kind, held_at) SELECT id, id, 'employer', updated_at FROM employers WHERE status = 'paused';
INSERT INTO held_postings (hold_id, posting_id, held_at)
    SELECT e.id, p.id, e.updated_at FROM postings p JOIN employers e ON e.id = p.employer_id
    WHERE e.status = 'paused' AND p.status IN ('published', 'paused') AND p.deleted_at IS NULL;
UPDATE postings SET status = 'paused', version = version + 1 WHERE status = 'published' AND deleted_at IS NULL
    AND employer_id IN (SELECT id FROM employers WHERE status = 'paused');
