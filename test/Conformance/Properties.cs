using FsCheck;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>How FsCheck looks for counterexamples: the same cases in every run, and nothing printed while there is none.</summary>
internal static class Properties
{
    public static Config Settings { get; } = Config.QuickThrowOnFailure.WithQuietOnSuccess(true).WithReplay(20, 25);
}
