/**
 * What shells load. Each script asks the program for what may come next: it prints a line for each, `value TAB about`, or
 * `:file` where the shell knows better.
 */
export const scripts = {
  bash: String.raw`# pinchwork completion for bash: source <(pinchwork completion bash)
_pinchwork() {
  local value about cur="${'$'}{COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  while IFS=$'\t' read -r value about; do
    if [ "$value" = :file ]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$cur")
    elif [ -n "$value" ]; then
      COMPREPLY+=("$value")
    fi
  done < <(pinchwork __complete "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _pinchwork pinchwork
`,
  zsh: String.raw`#compdef pinchwork
# pinchwork completion for zsh: source <(pinchwork completion zsh), or as _pinchwork in a folder of $fpath
_pinchwork() {
  local line
  local -a described
  for line in "${'$'}{(@f)$(pinchwork __complete "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :file* ]]; then
      _files
      return
    fi
    [[ -n $line ]] && described+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}")
  done
  _describe pinchwork described
}
if [[ $funcstack[1] == _pinchwork ]]; then _pinchwork "$@"; else compdef _pinchwork pinchwork; fi
`,
  fish: String.raw`# pinchwork completion for fish: pinchwork completion fish | source
function __pinchwork_complete
    set -l typed (commandline -opc) (commandline -ct)
    for line in (pinchwork __complete $typed[2..] 2>/dev/null)
        if string match -q ':file*' -- $line
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c pinchwork -f -a '(__pinchwork_complete)'
`,
  powershell: String.raw`# pinchwork completion for PowerShell: pinchwork completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName pinchwork -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $typed = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    if ($wordToComplete -eq '') { $typed += '' }
    pinchwork __complete @typed 2>$null | ForEach-Object {
        $value, $about = $_ -split "${'`'}t", 2
        if ($value -ne ':file') {
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', "$about ")
        }
    }
}
`,
} as const;

type ShellName = keyof typeof scripts;
export const shellNames = Object.keys(scripts) as ShellName[];
