namespace Microsoft.ML.Moka.Conformance;

/// <summary>What every backend has to hold to. xunit finds tests in a test project only: there a class without a body derives from each of these.</summary>
public abstract class Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    /// <summary>The names of all backends, for theories.</summary>
    public static TheoryData<string> Names => [.. Backends.Select(tested => tested.Name)];

    public static TheoryData<string, WeightForm> NamesAndFormats =>
        [.. from tested in Backends from format in Enum.GetValues<WeightForm>() select (tested.Name, format)];

    internal static IReadOnlyList<BackendCase> Backends { get; } = new TBackends().All;

    internal static BackendCase Find(string name) => Backends.Single(tested => tested.Name == name);

    /// <inheritdoc cref="Scenario.Check"/>
    internal static void Check(string name, double tolerance, Action<Scenario> work, int seed = 1) => Scenario.Check(Find(name), tolerance, work, seed);
}
