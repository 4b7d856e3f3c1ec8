using System.Text.Json;

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
        if (IsClassifier(folder))
        {
            TellOfClassifier(terminal, before, new DirectoryInfo(folder), asJson);
            return;
        }
        var after = BackboneDescription.Of(folder);
        if (asJson)
            Json.Write(terminal.Out, new WrittenFolder(after.Location, after.WeightFormat, after.WeightBytes, before.WeightBytes, after.Fingerprint));
        else
            terminal.Out.WriteLine($"Wrote {folder}: linear maps in {after.WeightFormat} (before: {before.WeightFormat}), " +
                $"{Sizes.Of(after.WeightBytes)} (before: {Sizes.Of(before.WeightBytes)}).");
    }

    /// <summary>Whether a model with a head was written, which is no backbone for another tuning.</summary>
    private static bool IsClassifier(string folder)
    {
        using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
        return config.RootElement.TryGetProperty("id2label", out _) && config.RootElement.TryGetProperty("architectures", out var names)
            && names.EnumerateArray().Any(name => name.GetString()?.EndsWith("ForSequenceClassification", StringComparison.Ordinal) == true);
    }

    private static void TellOfClassifier(Terminal terminal, BackboneDescription before, DirectoryInfo folder, bool asJson)
    {
        var bytes = folder.EnumerateFiles("*.safetensors").Sum(file => file.Length);
        if (asJson)
            Json.Write(terminal.Out, new WrittenClassifier(folder.FullName, bytes, before.WeightBytes));
        else
            terminal.Out.WriteLine(
                $"Wrote {folder} for transformers' AutoModelForSequenceClassification: {Sizes.Of(bytes)} (backbone before: {Sizes.Of(before.WeightBytes)}).");
    }
}

/// <summary>The same for scripts.</summary>
internal sealed record WrittenFolder(string Folder, string WeightFormat, long WeightBytes, long BytesBefore, string Fingerprint);

/// <summary>The same of a model with a head.</summary>
internal sealed record WrittenClassifier(string Folder, long WeightBytes, long BytesBefore);
