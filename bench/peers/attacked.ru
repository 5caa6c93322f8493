# As attacked.mjs, for Puma.
PAGE = ('x' * Integer(ENV.fetch('PAGE', '0'))).freeze

def cpu
  Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID)
end

run lambda { |environment|
  path = environment['PATH_INFO']
  body = path == '/page' ? PAGE : "hello\n"
  if path == '/health'
    limit = cpu + 0.002
    nil while cpu < limit
  end
  environment['rack.input'].read if path == '/upload'
  headers = { 'Content-Type' => 'text/plain', 'Content-Length' => body.bytesize.to_s, 'Connection' => 'close' }
  [200, headers, [body]]
}
