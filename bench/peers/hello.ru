HEADERS = { 'Content-Type' => 'text/plain', 'Content-Length' => '6', 'Connection' => 'close' }.freeze

run ->(_environment) { [200, HEADERS, ["hello\n"]] }
