using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>Trials as bytes, for workers: what tells a trial from the others of its sweep, and what it reached.</summary>
internal static class TrialBytes
{
    private const string Name = "trial";

    /// <exception cref="InvalidOperationException">The adapter has what settings cannot say.</exception>
    public static byte[] Write(TrialSettings settings, IReadOnlyList<MapShape> maps)
    {
        var adapter = SettingsFields.Write(settings.Adapter, Default(settings.Adapter.GetType().Name));
        var fields = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["adapter"] = adapter,
            ["method"] = settings.Adapter.GetType().Name,
            ["number"] = settings.Number,
            ["rate"] = BitConverter.SingleToInt32Bits(settings.LearningRate),
            ["share"] = BitConverter.DoubleToInt64Bits(settings.StepShare).ToString(CultureInfo.InvariantCulture),
        };
        if (settings.NumberOfEpochs is { } epochs)
            fields["epochs"] = epochs;
        var bytes = HashedJson.Write(fields);
        // Options that were read from a file of PEFT's may have more than their settings say.
        if (!AdapterConfigFile.Write(Read(bytes).Adapter, maps, null).AsSpan().SequenceEqual(AdapterConfigFile.Write(settings.Adapter, maps, null)))
            throw new InvalidOperationException(
                $"The adapter {settings.AdapterText} has what a sweep cannot bring to workers, such as ranks of single modules: leave out Workers.");
        return bytes;
    }

    public static TrialSettings Read(byte[] bytes) => JsonFields.Parse(bytes, Name, fields =>
    {
        var adapter = Default(fields.Text("method"));
        SettingsFields.Read(adapter, fields.Object("adapter")!.AllTexts());
        return new TrialSettings(
            fields.Integer("number", 1, int.MaxValue), adapter, null, BitConverter.Int32BitsToSingle(fields.Integer("rate", int.MinValue, int.MaxValue)),
            fields.Has("epochs") ? fields.Integer("epochs", 0, int.MaxValue) : null)
        {
            StepShare = BitConverter.Int64BitsToDouble(long.Parse(fields.Text("share"), CultureInfo.InvariantCulture)),
        };
    });

    public static byte[] Write(SweepTrial trial) => HashedJson.Write(SweepFile.Fields(trial));

    /// <param name="bytes">What a worker sent.</param>
    /// <param name="settings">The trial's.</param>
    public static SweepTrial Read(byte[] bytes, TrialSettings settings) => JsonFields.Parse(bytes, Name, fields => SweepFile.Trial(fields, settings));

    private static AdapterOptions Default(string type) => AdapterMethods.All.Select(method => method.Names[0].Create())
        .FirstOrDefault(options => options.GetType().Name == type) ?? throw new NotSupportedException(
            $"This worker knows no adapter '{type}': use one version of the package everywhere.");
}
