namespace Microsoft.ML.Moka.Cli;

/// <summary>What merge and export have in common where they write a GGUF file, with a Modelfile beside it.</summary>
internal static class GgufWriting
{
    public static void Run(
        Terminal terminal, string title, GgufFormat format, string? preTokenizer, Action<GgufOptions> write, CancellationToken cancellation) =>
        ProgressDisplay.Run(terminal, title, hasLines: false, display =>
        {
            write(new GgufOptions { Format = format, PreTokenizer = preTokenizer, Progress = share => display.Show(share), CancellationToken = cancellation });
            return true;
        });

    public static void Tell(Terminal terminal, string file, bool asJson)
    {
        var (bytes, modelfile) = (new FileInfo(file).Length, Path.ChangeExtension(file, ".Modelfile"));
        var hasModelfile = File.Exists(modelfile);
        if (asJson)
            Json.Write(terminal.Out, new WrittenGguf(Path.GetFullPath(file), bytes, hasModelfile ? Path.GetFullPath(modelfile) : null));
        else
            terminal.Out.WriteLine($"Wrote {file}: {Sizes.Of(bytes)}." + (hasModelfile ? $" For Ollama: ollama create NAME -f {modelfile}" : ""));
    }
}

/// <summary>The same for scripts.</summary>
internal sealed record WrittenGguf(string File, long Bytes, string? Modelfile);
