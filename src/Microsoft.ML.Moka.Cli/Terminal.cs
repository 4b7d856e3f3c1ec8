using Spectre.Console;

namespace Microsoft.ML.Moka.Cli;

/// <summary>What the tool reads and writes: results go to <see cref="Out"/>, everything about how the work goes to <see cref="Error"/>.</summary>
internal sealed class Terminal(TextWriter output, TextWriter error, TextReader input, bool isLive)
{
    public TextWriter Out { get; } = output;

    public TextWriter Error { get; } = TextWriter.Synchronized(error);

    public TextReader In { get; } = input;

    /// <summary>Whether somebody looks at <see cref="Error"/>: progress is drawn and redrawn there, instead of being told in lines.</summary>
    public bool IsLive { get; } = isLive;

    public bool IsInputRedirected { get; init; }

    public static Terminal OfProcess()
    {
        var isDumb = Environment.GetEnvironmentVariable("TERM") is "dumb";
        return new Terminal(
            Console.Out, Console.Error, Console.In, isLive: !Console.IsErrorRedirected && !isDumb) { IsInputRedirected = Console.IsInputRedirected };
    }

    /// <summary>What draws on <see cref="Error"/> now, if anything does.</summary>
    public IAnsiConsole? Drawing { get; set; }

    /// <summary>Writes a line to <see cref="Error"/>, above what is drawn there.</summary>
    public void Tell(string line)
    {
        if (Drawing is { } console)
            console.WriteLine(line);
        else
            Error.WriteLine(line);
    }

    /// <summary>What draws on <see cref="Error"/>, without colours where NO_COLOR is set.</summary>
    public IAnsiConsole Live()
    {
        var noColor = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        return AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = noColor ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(Error),
        });
    }

    /// <summary>The next line of the input; null at its end. A line that never comes can be cancelled.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancellation) => await Task.Run(In.ReadLine, CancellationToken.None).WaitAsync(cancellation);
}
