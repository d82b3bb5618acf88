DROP TABLE posting_numbers;
