namespace Microsoft.ML.Moka;

/// <summary>A worker of a cluster, as <see cref="MokaCluster.GetWorkersAsync"/> found it.</summary>
/// <param name="Address">Where its silo is: address and port.</param>
/// <param name="Machine">The name of its machine.</param>
/// <param name="Since">When it joined.</param>
/// <param name="Device">What it computes with; null where it did not answer.</param>
/// <param name="Version">Its version of Microsoft.ML.Moka; null where it did not answer.</param>
/// <param name="Job">What it is at; null for nothing, or where it did not answer.</param>
/// <param name="FinishedItems">How many items of jobs it has done since it joined.</param>
/// <param name="Problem">Why nothing more is known of it; null where it answered.</param>
public sealed record MokaWorkerStatus(
    string Address, string Machine, DateTimeOffset Since, string? Device, string? Version, string? Job, long FinishedItems, string? Problem);
