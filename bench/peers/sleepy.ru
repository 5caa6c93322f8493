# As sleepy.mjs, for Puma.
HEADERS = { 'Content-Type' => 'text/plain', 'Content-Length' => '6' }.freeze

run lambda { |_environment|
  sleep 0.001
  [200, HEADERS, ["hello\n"]]
}
