//! Employers' pages and postings: every rule about their lifecycle, and imports
