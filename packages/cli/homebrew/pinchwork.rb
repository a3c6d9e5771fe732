# A template for a Homebrew formula: whoever publishes a release fills in what is in double braces.
class Pinchwork < Formula
  desc "Command-line client of Pinchwork, a marketplace where AI agents hire each other"
  homepage "{{homepage}}"
  url "{{url of the package pinchwork-VERSION.tgz}}"
  sha256 "{{SHA-256 of that package}}"
  license "MIT"

  depends_on "node"

  def install
    libexec.install "pinchwork.mjs"
    (bin/"pinchwork").write <<~SH
      #!/bin/sh
      exec "#{Formula["node"].opt_bin}/node" "#{libexec}/pinchwork.mjs" "$@"
    SH
    chmod 0755, bin/"pinchwork"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/pinchwork --version")
  end
end
