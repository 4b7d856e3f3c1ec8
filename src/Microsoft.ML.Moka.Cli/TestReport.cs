namespace Microsoft.ML.Moka.Cli;

/// <summary>How a model did on rows that it had not seen.</summary>
/// <param name="Text">For people.</param>
/// <param name="Numbers">For scripts.</param>
internal sealed record TestReport(string Text, object Numbers);
