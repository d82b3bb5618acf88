//! Users, sessions, tokens, employers' members and roles
