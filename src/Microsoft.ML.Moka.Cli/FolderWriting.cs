namespace Microsoft.ML.Moka.Cli;

/// <summary>What quantize and merge have in common: a folder of weights is written, and told about.</summary>
internal static class FolderWriting
{
    public static void Run(Terminal terminal, string title, BackboneQuantization quantization, Action<MergeOptions> write, CancellationToken cancellation) =>
        ProgressDisplay.Run(terminal, title, hasLines: false, display =>
        {
            write(new MergeOptions { Quantization = quantization, Progress = share => display.Show(share), CancellationToken = cancellation });
            return true;
        });

    public static void Tell(Terminal terminal, BackboneDescription before, string folder, bool asJson)
    {
        var after = BackboneDescription.Of(folder);
        if (asJson)
            Json.Write(terminal.Out, new WrittenFolder(after.Location, after.WeightFormat, after.WeightBytes, before.WeightBytes, after.Fingerprint));
        else
            terminal.Out.WriteLine($"Wrote {folder}: linear maps in {after.WeightFormat} (before: {before.WeightFormat}), " +
                $"{Sizes.Of(after.WeightBytes)} (before: {Sizes.Of(before.WeightBytes)}).");
    }
}

/// <summary>The same for scripts.</summary>
internal sealed record WrittenFolder(string Folder, string WeightFormat, long WeightBytes, long BytesBefore, string Fingerprint);
