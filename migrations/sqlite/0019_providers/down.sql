DROP TABLE provider_flows;
DROP TABLE provider_identities;
