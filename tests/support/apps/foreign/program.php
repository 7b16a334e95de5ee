<?php
// QUERY_STRING: crash, or milliseconds to take. Answers "php PID BYTES".
$query = $_SERVER["QUERY_STRING"] ?? "";
if ($query === "crash") {
    posix_kill(getmypid(), 9);
}
usleep(1000 * (int) $query);
header("Content-Type: text/plain");
$answer = "php " . getmypid() . " " . strlen(file_get_contents("php://input")) . "\n";
header("Content-Length: " . strlen($answer));
echo $answer;
