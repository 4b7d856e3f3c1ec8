namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The words of truth values.</summary>
internal static class Truth
{
    public const string True = "true";
    public const string False = "false";

    public static string Word(bool value) => value ? True : False;

    /// <summary>Null where a word is neither.</summary>
    public static bool? Of(string word) => word switch
    {
        True => true,
        False => false,
        _ => null,
    };
}
